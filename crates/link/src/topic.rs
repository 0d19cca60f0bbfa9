//! The two topics of a device. EUIs are written without separators, since some brokers give a dot a meaning of its own.
use gbcs::Eui64;

/// Where a device publishes: `lm/1/<16 upper-case hex digits>/up`.
pub fn up(device: Eui64) -> String {
    format!("lm/1/{device:#}/up")
}

/// Where a device listens: `lm/1/<16 upper-case hex digits>/down`.
pub fn down(device: Eui64) -> String {
    format!("lm/1/{device:#}/down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_hold_the_eui_in_upper_case_without_separators() {
        let device = "00-db-12-34-56-78-90-a0".parse().unwrap();
        assert_eq!(up(device), "lm/1/00DB1234567890A0/up");
        assert_eq!(down(device), "lm/1/00DB1234567890A0/down");
    }
}
