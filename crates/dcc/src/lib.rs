#![doc = "dcc"]
