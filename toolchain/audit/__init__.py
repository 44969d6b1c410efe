"""Static scanners over what the program makes and what it is made from, and the lists of what the images hold."""
