#![doc = "headend"]
