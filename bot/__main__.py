"""`python -m bot` is `roundsman`."""

from bot.cli import main

if __name__ == "__main__":
    main()
