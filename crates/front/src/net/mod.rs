//! Sockets and threads: binding, accepting, telling protocols apart, and handing calls to the engine in bursts.

/// Implements writing for a wrapper that only looks at what is read: all goes to its field `stream`.
macro_rules! write_through {
    ($wrapper:ident) => {
        impl<S: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $wrapper<S> {
            fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(context, from)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                from: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(context, from)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(context)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(context)
            }
        }
    };
}
use write_through;

pub mod address;
pub mod arrivals;
mod authority;
pub mod burst;
pub mod caller;
pub mod connection;
pub mod desk;
mod frame;
mod http2;
mod identity;
pub mod inbox;
mod inlet;
pub mod linger;
pub mod listener;
mod outlet;
pub mod pace;
pub mod peer;
mod sniff;
mod subject;
pub mod thread;
