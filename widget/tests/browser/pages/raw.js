// The protocol without a widget.

window.received = [];
window.connect = () => {
  const socket = new WebSocket("{{gateway}}/chat/{{tenant}}/{{widget}}".replace("http", "ws"), "usher.v1");
  socket.onmessage = (event) => window.received.push(JSON.parse(event.data));
  socket.onclose = (event) => window.received.push({ type: "close", code: event.code });
  window.say = (frame) => socket.send(JSON.stringify(frame));
  return new Promise((resolve) => (socket.onopen = resolve));
};
