#![doc = "duis"]
