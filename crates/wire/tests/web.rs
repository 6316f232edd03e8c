//! What strangers may send by gRPC-Web and the Connect protocol: whatever it is, it is read or refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use salver_wire::web::connect::{end_of_stream, timeout, Failure, Query};
use salver_wire::web::{encode, Decoder, Frame, Frames};

/// The same bytes in pieces that end where `cuts` say.
fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
    ends.sort_unstable();
    let mut begun = 0;
    let piece = |end: usize| Bytes::copy_from_slice(&bytes[std::mem::replace(&mut begun, end)..end]);
    ends.into_iter().map(piece).collect()
}

proptest! {
    #[test]
    fn base64_is_the_bytes_it_was_made_of(parts in vec(vec(any::<u8>(), 0..50), 0..6), cuts in vec(any::<usize>(), 0..6)) {
        let text: Vec<u8> = parts.iter().flat_map(|part| encode(part)).collect();
        let mut decoder = Decoder::default();
        let read: Vec<u8> = pieces(&text, &cuts).iter().flat_map(|piece| decoder.decode(piece).unwrap()).collect();
        prop_assert!(decoder.end().is_ok());
        prop_assert_eq!(read, parts.concat());
    }

    #[test]
    fn any_text_is_base64_or_none(text in vec(any::<u8>(), 0..200)) {
        let _ = Decoder::default().decode(&text);
    }

    #[test]
    fn frames_are_those_that_were_sent(sent in vec((any::<u8>(), vec(any::<u8>(), 0..50)), 0..6), cuts in vec(any::<usize>(), 0..6)) {
        let sent: Vec<Frame> = sent.into_iter().map(|(flags, message)| Frame { flags, message: message.into() }).collect();
        let bytes: Vec<u8> = sent.iter().flat_map(|frame| frame.clone().encode().concat()).collect();
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for piece in pieces(&bytes, &cuts) {
            frames.push(piece);
            read.extend(&mut frames);
        }
        prop_assert!(frames.is_empty());
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn any_bytes_are_frames_or_the_start_of_one(bytes in vec(any::<u8>(), 0..200), cuts in vec(any::<usize>(), 0..6)) {
        let mut frames = Frames::default();
        let mut read = 0;
        for piece in pieces(&bytes, &cuts) {
            frames.push(piece);
            read += frames.by_ref().map(|frame| 5 + frame.message.len()).sum::<usize>();
        }
        prop_assert!(read <= bytes.len());
    }

    #[test]
    fn any_query_and_time_out_is_read_or_refused(text: String) {
        let _ = (Query::parse(&text), Query::is_call(&text));
        if let Ok(timeout) = timeout(&text) {
            prop_assert!(timeout.len() <= 9, "gRPC takes 8 digits: {timeout}");
        }
    }

    #[test]
    fn every_failure_is_a_document(code: u32, message: String, details in proptest::option::of(vec(any::<u8>(), 0..50))) {
        let failure = Failure { code, message, details: details.map(Into::into) };
        prop_assert!((400..600).contains(&failure.http_status()));
        for document in [failure.body(), end_of_stream(Some(&failure), [("a", "b")].into_iter())] {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&document).is_ok());
        }
    }
}
