#![doc = "delivery"]
