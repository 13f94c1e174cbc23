//! QR codes.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::model::Secret;

/// A picture of `text` as a QR code: SVG without scripts or styles, dark on light whatever the page looks like.
pub(super) fn svg(text: &Secret) -> String {
    let code = QrCode::with_error_correction_level(text.expose(), EcLevel::M)
        .expect("an address of ours is far shorter than a QR code can hold");
    code.render()
        .min_dimensions(192, 192)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_no_script() {
        let picture = svg(&Secret::new("otpauth://totp/Acme:ada@example.com?secret=GEZDGNBV".to_owned()));
        assert!(picture.contains("<svg") && !picture.contains("<script"), "{picture}");
    }
}
