//! Detects names that look like this product's name.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

const OWN_NAME: &str = "keywright";

/// Whether a word of `text`, or joined words of it, look like "Keywright": in any case, with accents, in letters of
/// other scripts (Technical Standard 39, section 4), or with signs between the letters.
pub fn looks_like_own_name(text: &str) -> bool {
    let text: String = text.nfkd().filter(|&c| !is_combining_mark(c)).collect();
    // Two letters that look like one.
    let text = text.to_lowercase().replace("vv", "w");
    let words: Vec<Vec<char>> = text
        .split(|c: char| !c.is_alphanumeric() && !stands_for(c, 'i'))
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().collect())
        .collect();
    let own: Vec<char> = OWN_NAME.chars().collect();
    let alike = |part: &[char]| {
        part.len() == own.len() && part.iter().zip(&own).all(|(&c, &letter)| stands_for(c, letter))
    };
    let inside_a_word = words.iter().any(|word| word.windows(own.len()).any(alike));
    let over_words = (0..words.len()).any(|first| {
        let joined = words[first..].iter().scan(Vec::new(), |joined: &mut Vec<char>, word| {
            joined.extend(word);
            Some(joined.clone())
        });
        joined.take_while(|joined| joined.len() <= own.len()).any(|joined| alike(&joined))
    });
    inside_a_word || over_words
}

/// Whether `character` looks like `letter`, in either case.
fn stands_for(character: char, letter: char) -> bool {
    let forms = |character: char| {
        let cases = std::iter::once(character.to_string())
            .chain([character.to_lowercase().collect(), character.to_uppercase().collect()]);
        cases.flat_map(|case: String| {
            let shape: String = skeleton(&case).collect();
            [shape.to_lowercase(), shape]
        })
    };
    forms(character).any(|form| forms(letter).any(|other| form == other))
        || (letter == 'i' && matches!(character, '1' | 'l' | '|' | '!' | 'ı' | 'ɩ'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_found() {
        for text in [
            "Keywright",
            "KEYWRIGHT",
            "Keywright Admin",
            "MyKeywright",
            "Kеуwright",
            "КЕУWRIGHT",
            "кeywright",
            "Κeywright",
            "Keywrіght",
            "Keywr1ght",
            "KeywrIght",
            "Keywrlght",
            "Keywr!ght",
            "Keyvvright",
            "Kéywright",
            "Key-wright",
            "Key Wright",
            "K e y w r i g h t",
            "Ｋｅｙｗｒｉｇｈｔ",
            "𝐊𝐞𝐲𝐰𝐫𝐢𝐠𝐡𝐭",
            "Ⓚⓔⓨⓦⓡⓘⓖⓗⓣ",
            "Keyԝriɡһt",
        ] {
            assert!(looks_like_own_name(text), "{text}");
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        for text in
            ["Grafana", "Monkey Wright", "Key", "Wright & Sons", "Keyboard writer", "Ke1wright", "鍵", ""]
        {
            assert!(!looks_like_own_name(text), "{text}");
        }
    }
}
