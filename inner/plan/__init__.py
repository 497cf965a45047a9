"""What will be done, as pure data: no module in here opens a file, starts a process or prints."""
