"""What is handed out: the wheel, the image's recipe, the bill of materials and the notices."""
