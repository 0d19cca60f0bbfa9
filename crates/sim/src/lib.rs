#![doc = "sim"]
