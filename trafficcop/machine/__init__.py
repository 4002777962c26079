"""What the machine gives a process: sockets, systemd, and the kernel's say on its children. Standard library only."""
