"""The container set-up: its files checked as text, its parts run natively."""
