//! Field data as hexadecimal where it could mean something to the printer.

use core::fmt::{self, Write};

/// Whether a character may stand in a field as it is. The caret and the tilde open commands, the underscore is our
/// hexadecimal indicator, the backslash is the line break of text blocks; control characters and bytes beyond ASCII
/// go by number so that no serial line, code page or text editor on the way can change them.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='}') && !matches!(character, '^' | '_' | '\\')
}

/// Writes characters as data for a field that was opened with `^FH_`.
pub fn write_escaped(out: &mut impl Write, characters: impl Iterator<Item = char>) -> fmt::Result {
    let mut utf8 = [0; 4];
    for character in characters {
        if is_plain(character) {
            out.write_char(character)?;
            continue;
        }
        for byte in character.encode_utf8(&mut utf8).bytes() {
            write!(out, "_{byte:02X}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        write_escaped(&mut out, text.chars()).unwrap();
        out
    }

    /// What a printer makes of a field after `^FH_`.
    fn unescaped(field: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = field.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first == b'_' && tail.len() >= 2 {
                let digits = core::str::from_utf8(&tail[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(first);
                rest = tail;
            }
        }
        bytes
    }

    #[test]
    fn commands_in_data_are_only_data() {
        assert_eq!(escaped("^XZ~JR"), "_5EXZ_7EJR");
        assert_eq!(escaped("a_b\\&c"), "a_5Fb_5C&c");
        assert_eq!(escaped("Größe\u{1D}\r\n"), "Gr_C3_B6_C3_9Fe_1D_0D_0A");
        assert_eq!(escaped("漢 \u{7F}"), "_E6_BC_A2 _7F");
    }

    proptest! {
        #[test]
        fn data_never_opens_a_command_and_is_never_changed(text in any::<String>()) {
            let field = escaped(&text);
            let harmless = |byte: u8| (0x20..=0x7D).contains(&byte) && byte != b'^' && byte != 0x5C;
            prop_assert!(field.bytes().all(harmless));
            prop_assert_eq!(unescaped(&field), text.as_bytes());
        }

        #[test]
        fn nor_does_data_made_of_the_dangerous_characters(text in "[\\^~_\\\\XZFDS\u{0}-\u{1F}é]{0,40}") {
            let field = escaped(&text);
            prop_assert!(!field.contains(['^', '~', '\\']));
            prop_assert_eq!(unescaped(&field), text.as_bytes());
        }
    }
}
