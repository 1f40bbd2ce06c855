// Somebody who has got hold of a conversation's id and its resume_token, and tries to enter with them.

/**
 * Tries to enter the conversation, first without a token, then with each of `tokens`, on one socket. Answers with the
 * gateway's frame for each try; what comes after one that was let in is not read.
 */
export function tryToEnter(url, { conversation, resume_token }, tokens) {
  const tries = [{}, ...tokens.map((token) => ({ token }))];
  const answers = [];
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "usher.v1");
    const next = () => {
      socket.send(
        JSON.stringify({
          type: "resume",
          conversation,
          resume_token,
          ...tries[answers.length],
        }),
      );
    };
    socket.onopen = next;
    socket.onmessage = ({ data }) => {
      answers.push(JSON.parse(data));
      if (answers.length < tries.length && answers.at(-1).type === "error")
        return next();
      socket.close(1000);
      resolve(answers);
    };
    socket.onclose = ({ reason }) => {
      if (answers.length > 0) resolve(answers);
      else reject(new Error(reason || "the gateway does not answer"));
    };
  });
}
