//! Text in custom metadata: printable ASCII, everything else percent-encoded.

/// Encodes what is not printable ASCII, and `%` itself, as `%` and two hexadecimal digits of
/// each byte of UTF-8. (RFC 3986, section 2.1.)
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Reads what [`encode`] wrote; `None` for anything that it cannot have written.
pub fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        };
        decoded.push(byte);
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (encode(&decoded) == text).then_some(decoded)
}
