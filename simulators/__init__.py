"""Stand-ins for the devices and the broker of a dock: the demo and the tests run against them."""
