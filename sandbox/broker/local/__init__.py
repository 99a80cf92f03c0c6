"""Any GGUF file as the model behind the broker: a server in a process of its own, and the Messages API before it."""
