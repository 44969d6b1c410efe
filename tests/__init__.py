"""Tests of the whole project; the services' own stand beside them."""
