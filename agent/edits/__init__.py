"""What a patch is: edit operations, diff and apply. Pure: values in, values out."""
