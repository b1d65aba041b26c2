"""What every command needs: the home it means, its settings, times as typed, errors as one line."""
