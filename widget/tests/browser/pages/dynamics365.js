// The script of a page as it was for Dynamics 365: nothing in it knows of usher. The token comes from the shop's server
// by XMLHttpRequest, and the chat begins once the customer asks for it. `heard` is for whoever looks at the page.
"use strict";

var heard = [];

[
  "ready",
  "error",
  "startChat",
  "closeChat",
  "chatQueued",
  "chatRetrieved",
  "onClose",
  "onMinimize",
  "onMaximize",
  "onMessageReceived",
  "onMessageSent",
  "threadUpdate",
  "getAgentAvailability",
].forEach(function (name) {
  window.addEventListener("lcw:" + name, function (event) {
    heard.push({ name: name, detail: event.detail });
  });
});

function authTokenProvider(callback) {
  var xhttp = new XMLHttpRequest();
  xhttp.onreadystatechange = function () {
    if (xhttp.readyState !== 4) {
      return;
    }
    if (xhttp.status === 200) {
      callback(xhttp.responseText);
    } else {
      callback(null, new Error("the shop answered " + xhttp.status));
    }
  };
  xhttp.open("GET", "/token", true);
  xhttp.send();
}

function contextProvider() {
  return {
    page: { value: window.location.pathname, isDisplayable: true },
    items: 3,
    coupon: { value: "", isDisplayable: false },
    campaign: null,
  };
}

window.addEventListener("lcw:ready", function handleLivechatReadyEvent() {
  var sdk = Microsoft.Omnichannel.LiveChatWidget.SDK;
  sdk.setAuthTokenProvider(authTokenProvider);
  sdk.setContextProvider(contextProvider);
  document.getElementById("chat").addEventListener("click", function () {
    sdk.startChat({ inNewWindow: false });
  });
  document.getElementById("hang-up").addEventListener("click", function () {
    sdk.closeChat();
  });
});

window.addEventListener("lcw:threadUpdate", function handleLivechatThreadUpdateEvent() {
  Microsoft.Omnichannel.LiveChatWidget.SDK.closeChat();
});

window.addEventListener("lcw:error", function handleLivechatErrorEvent(event) {
  document.getElementById("error").textContent = event.detail.errorCode + ": " + event.detail.errorDescription;
});
