"""The web page as a visitor sees it, driven by a headless browser."""
