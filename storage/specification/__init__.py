"""Functions of the specification that no part of the program calls."""
