use std::time::Duration;

use salver_core::Error;

/// Reads a `grpc-timeout`: at most eight digits and a unit.
pub fn parse_timeout(text: &str) -> Result<Duration, Error> {
    let refuse = || Error::malformed("grpc-timeout header", format!("'{text}' is not 1 to 8 digits and one of HMSmun"));
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refuse)?;
    let well_formed = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let amount: u64 = digits.parse().ok().filter(|_| well_formed).ok_or_else(refuse)?;
    match unit {
        "H" => Ok(Duration::from_secs(amount * 3600)),
        "M" => Ok(Duration::from_secs(amount * 60)),
        "S" => Ok(Duration::from_secs(amount)),
        "m" => Ok(Duration::from_millis(amount)),
        "u" => Ok(Duration::from_micros(amount)),
        "n" => Ok(Duration::from_nanos(amount)),
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let cases =
            [("2H", 7200.0), ("3M", 180.0), ("10S", 10.0), ("5m", 0.005), ("7u", 7e-6), ("99999999n", 0.099999999)];
        for (text, seconds) in cases {
            assert_eq!(parse_timeout(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "S", "10", "-1S", "+1S", "123456789S", "1 S", "1s", "1\u{e9}"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
