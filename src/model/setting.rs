//! Words of the configuration that the rules share.

use super::words::word_enum;

word_enum! {
    /// Who may make an account.
    #[derive(Default)]
    Signup {
        /// Anybody.
        Open = "open",
        /// Whoever was invited.
        #[default]
        Invite = "invite",
        /// Nobody.
        Off = "off",
    }
}

word_enum! {
    /// What tokens are signed with (RFC 7518, section 3.1; RFC 8037).
    #[derive(Default)]
    SigningAlg {
        /// RSASSA-PKCS1-v1_5 with SHA-256, 3,072 bits.
        #[default]
        Rs256 = "RS256",
        /// ECDSA over P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

word_enum! {
    /// How log lines look.
    #[derive(Default)]
    LogFormat {
        /// For people.
        #[default]
        Text = "text",
        /// For programs: one JSON object a line.
        Json = "json",
    }
}

word_enum! {
    /// Which log lines are written: those of this weight and heavier.
    #[derive(Default)]
    LogLevel {
        /// What went wrong.
        Error = "error",
        /// And what may be meant otherwise.
        Warn = "warn",
        /// And what happens.
        #[default]
        Info = "info",
        /// And why.
        Debug = "debug",
    }
}
