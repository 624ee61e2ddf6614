//! Numbers as people write them: `100000`, `1e6`, `0.05`.

/// The largest number that is taken. Nobody has more of anything, and sums of such stay exact enough.
const MAX: f64 = 1e15;

/// A count or an amount, not negative.
pub(super) fn amount(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if (0.0..=MAX).contains(&number) => Ok(number.abs()),
        _ => Err("a number from 0 to 1e15 is needed, such as 100000 or 1e5".to_owned()),
    }
}

/// A count of what there is a whole number of, as many as a formula takes.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let number = amount(text).map_err(|_| refused())?;
    if number.fract() > 0.0 {
        return Err(refused());
    }
    Ok(whole(number))
}

/// The same, and one at least.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match count(text) {
        Ok(number) if number > 0 => amount(text),
        _ => Err("a whole number from 1 to 1e15 is needed, such as 3".to_owned()),
    }
}

fn refused() -> String {
    "a whole number from 0 to 1e15 is needed, such as 3 or 1e5".to_owned()
}

/// The whole number nearest to one that is not negative.
pub(super) fn whole(number: f64) -> u64 {
    format!("{:.0}", number.max(0.0)).parse().unwrap_or(u64::MAX)
}

/// A number of things, with decimals where there are few of them, below each other.
pub(super) fn short(number: f64) -> String {
    match number {
        few if few < 100.0 && few.fract() > 0.0 => format!("{few:>15.2}"),
        many => grouped(many),
    }
}

/// Dollars and cents, below each other.
pub(super) fn cents(dollars: f64) -> String {
    format!("{dollars:>11.2}")
}

/// A part of a whole.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number.abs()),
        _ => Err("a share from 0 to 1 is needed, such as 0.05".to_owned()),
    }
}

/// With commas between the thousands, rounded to a whole number, below each other.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text:>15}")
}
