"""The pages of docs/reference, written from the code; `__main__.py` writes them again.

Each page is a function that returns its text, which depends on the code alone: on no home, machine or time. The tests
compare the files with it, so a page that is out of date fails there.
"""
