"""What model-written code may see, touch and carry."""
