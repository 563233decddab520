"""The ledger of usage that the rooms share: the one way it is written, the one way it is priced."""
