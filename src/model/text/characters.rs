//! Deceptive characters: invisible ones, and those that reorder text.

use icu_properties::props::{
    BidiControl, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Maximum number of combining marks on one letter (Technical Standard 39, section 5.4); more of them cover adjacent
/// lines.
const MAX_MARKS: usize = 4;
/// Visible by category, but blank in every font.
const BLANK: &[char] = &['\u{2800}', '\u{fffc}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];

/// The first character of `text` that is invisible, blank (other than a plain space), reorders text, has no assigned
/// meaning, or is one combining mark too many.
pub fn deceptive(text: &str) -> Option<char> {
    // A mark without a letter combines with the character that is shown before the text.
    let mut marks = MAX_MARKS;
    text.chars().find(|&character| {
        if is_mark(character) {
            marks += 1;
        } else {
            marks = 0;
        }
        marks > MAX_MARKS || is_deceptive(character)
    })
}

fn is_mark(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

fn is_deceptive(character: char) -> bool {
    if matches!(character, ' '..='~') {
        return false;
    }
    // Control, format, private use, unassigned: everything under "Other".
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    GeneralCategoryGroup::Other.contains(category)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || CodePointSetData::new::<BidiControl>().contains(character)
        || CodePointSetData::new::<WhiteSpace>().contains(character)
        || BLANK.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_languages_pass() {
        for name in [
            "Ada Lovelace",
            "Jürgen Weiß-O'Brien, Jr.",
            "Дарья Петрова",
            "山田 太郎",
            "김철수",
            "محمد علي",
            "דוד",
            "प्रिया शर्मा",
            "Nguyễn Thị Minh",
            "e\u{301}te\u{301}",
            "CI 🚀 build → deploy",
            "50 % off (beta) #2",
        ] {
            assert_eq!(deceptive(name), None, "{name}");
        }
    }

    #[test]
    fn what_hides_or_turns_is_found() {
        for character in [
            '\u{0}',
            '\u{9}',
            '\u{a}',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{2003}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206a}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffc}',
            '\u{e000}',
            '\u{1d159}',
            '\u{1d173}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ] {
            let text = format!("a{character}b");
            assert_eq!(deceptive(&text), Some(character), "U+{:04X}", u32::from(character));
        }
    }

    #[test]
    fn marks_are_counted() {
        assert_eq!(deceptive(&format!("a{}", "\u{301}".repeat(4))), None);
        assert_eq!(deceptive(&format!("a{}", "\u{301}".repeat(5))), Some('\u{301}'));
        assert_eq!(deceptive("\u{301}a"), Some('\u{301}'));
    }
}
