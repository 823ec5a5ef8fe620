"""What a load run found: its record, its verdict, and the page that shows it."""
