"""The ground floor: what an image, a label and a place is. No torch here."""
