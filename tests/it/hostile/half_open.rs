//! Connections that never send a whole request head.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::raw::{exchange, handshake};
use crate::support::until;
use crate::support::widget::Widget;

use super::Scene;

const THOUSANDS: usize = 2000;
/// They take some 30 MB while they wait; a third of it may be another thread's by the next time.
const THOUSANDS_TOLERANCE: u64 = 10 << 20;
const WARM_UPS: usize = 5;

/// Another address of this machine than the one that everybody else connects from.
const ELSEWHERE: &str = "127.0.0.2:0";

async fn connect_from_elsewhere(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ELSEWHERE.parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

async fn dropped(scene: &Scene) -> f64 {
    scene.usher.metric("usher_connections_refused_total{reason=\"half_open\"}").await.unwrap()
}

#[tokio::test]
async fn of_one_address_only_so_many_wait_and_no_other_address_notices() {
    const MAX: usize = 40;
    const TOO_MANY: f64 = 1960.0;
    let mut scene = Scene::with(|setup| setup.limit(&format!("connections_per_address = {MAX}"))).await;
    let at = scene.at();
    let attack = async {
        let mut streams = Vec::new();
        for _ in 0..THOUSANDS {
            let mut stream = connect_from_elsewhere(at).await;
            // It may be dropped already.
            let _ = stream.write_all(b"GET /chat/contoso/web HTTP/1.1\r\nHost: ").await;
            streams.push(stream);
        }
        streams
    };
    let streams = scene.while_chatting(attack).await;
    until("all others to be dropped", async || (dropped(&scene).await >= TOO_MANY).then_some(())).await;
    scene.is_as_before_but_for(MAX).await;
    Widget::start(&scene.usher, "contoso/web").await.0.close().await;
    // One that is whole makes room for the next.
    let refused = dropped(&scene).await;
    let mut first = streams.into_iter();
    let mut one = first.next().unwrap();
    one.write_all(b"chat\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    one.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 426 "), "{}", String::from_utf8_lossy(&answer));
    let mut next = connect_from_elsewhere(at).await;
    next.write_all(&handshake("/chat/contoso/web", "")).await.unwrap();
    let mut head = [0; 12];
    next.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    assert!((dropped(&scene).await - refused).abs() < 0.5);
    drop((first, next));
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn thousands_that_wait_hold_nobody_up_and_are_gone_after_their_time() {
    let mut scene = Scene::set().await;
    let at = scene.at();
    let thousands = async || {
        let mut streams = Vec::new();
        for _ in 0..THOUSANDS {
            let mut stream = TcpStream::connect(at).await.unwrap();
            stream.write_all(b"GET /chat/contoso/web HTTP/1.1\r\nHost: ").await.unwrap();
            streams.push(stream);
        }
        streams
    };
    // The allocator has a heap for each thread, and it takes some rounds until each has seen its share of them.
    for _ in 0..WARM_UPS {
        drop(thousands().await);
        let descriptors = scene.descriptors;
        until("all to be gone", async || (scene.usher.open_descriptors() <= descriptors).then_some(())).await;
    }
    scene.take_as_usual().await;
    scene.memory_tolerance = THOUSANDS_TOLERANCE;
    let streams = scene.while_chatting(thousands()).await;
    Widget::start(&scene.usher, "contoso/web").await.0.close().await;
    assert_eq!(exchange(at, &handshake("/nowhere", "")).await.status, 404);
    scene.is_as_before_but_for(0).await;
    assert!(dropped(&scene).await < 0.5);
    drop(streams);
    scene.ends_as_it_began().await;
}
