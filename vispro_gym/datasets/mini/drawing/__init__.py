"""Drawing things, people, animals and places in flat colours with Pillow."""
