#![no_main]
//! What strangers send as gRPC-Web, by the Connect protocol, and as requests for reflection.

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use salver_wire::reflection::{answer, built_in, Files, Index, SERVICES};
use salver_wire::web::connect::{timeout, Failure, Query};
use salver_wire::web::{Decoder, Frames};

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let files = built_in().and_then(|set| Files::read(set.into())).unwrap_or_default();
        Index::new(SERVICES.map(String::from).into(), vec![Arc::new(files)])
    })
}

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let (mut decoder, mut frames) = (Decoder::default(), Frames::default());
    for piece in pieces {
        if let Ok(plain) = decoder.decode(&piece) {
            frames.push(plain);
        }
        let _ = frames.by_ref().count();
        if let Ok(text) = std::str::from_utf8(&piece) {
            let _ = (Query::parse(text), timeout(text));
        }
        let _ = answer(index(), piece.clone().into());
        let _ = Failure { details: Some(piece.into()), ..Failure::new(3, "") }.body();
    }
});
