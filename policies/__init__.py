"""Who may do what, as data: flows on the network, rules of admission, personas, and the policy pack."""
