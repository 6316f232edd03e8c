//! Numbers as the original's JSON library writes them.

use std::fmt::Write;

/// From this power of ten on numbers are written with an exponent.
const LARGEST: i32 = 15;
const SMALLEST: i32 = -4;

/// A finite number in the fewest digits that bring it back, always with a point or an exponent.
pub fn write_double(out: &mut String, value: f64) {
    if value == 0.0 {
        out.push_str(if value.is_sign_negative() { "-0.0" } else { "0.0" });
        return;
    }
    let shortest = format!("{:e}", value.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The point comes after so many of the digits.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    if value < 0.0 {
        out.push('-');
    }
    lay_out(out, &digits, point);
}

fn lay_out(out: &mut String, digits: &str, point: i32) {
    let count = digits.len() as i32;
    if count <= point && point <= LARGEST {
        out.push_str(digits);
        (count..point).for_each(|_| out.push('0'));
        out.push_str(".0");
    } else if 0 < point && point <= LARGEST {
        let (whole, fraction) = digits.split_at(point as usize);
        _ = write!(out, "{whole}.{fraction}");
    } else if SMALLEST < point && point <= 0 {
        out.push_str("0.");
        (point..0).for_each(|_| out.push('0'));
        out.push_str(digits);
    } else {
        let (first, rest) = digits.split_at(1);
        let exponent = point - 1;
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        _ = write!(out, "{first}{dot}{rest}e{sign}{:02}", exponent.abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_the_originals_do() {
        let cases = [
            (2.0, "2.0"),
            (f64::from(1.1f32), "1.100000023841858"),
            (-0.5, "-0.5"),
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (123_456_789_012_345.0, "123456789012345.0"),
            (1e15, "1e+15"),
            (1.25e300, "1.25e+300"),
            (100.0, "100.0"),
        ];
        for (value, wanted) in cases {
            let mut out = String::new();
            write_double(&mut out, value);
            assert_eq!(out, wanted);
        }
    }
}
