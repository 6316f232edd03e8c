"""The servers salver is compared with, each the way its own documentation writes one."""
