//! Text in custom metadata.

use crate::ascii;

#[test]
fn what_nobody_can_have_encoded_is_not_decoded() {
    for text in ["%+1", "%c3%a9", "%41", "%7", "%", "%FF", "é", "\n", "\u{7f}"] {
        assert_eq!(ascii::decode(text), None, "{text:?}");
    }
    for text in ["", "a b~", "100 %", "é\n\u{7f}\u{0}", "%41"] {
        assert_eq!(ascii::decode(&ascii::encode(text)).as_deref(), Some(text));
    }
}
