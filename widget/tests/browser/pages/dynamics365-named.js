// The script of a page as it was for Dynamics 365: the token's function is found by the name in the settings, and is
// called without `this`. What the page knows of the customer goes with startChat.
"use strict";

var heard = [];
var auth = {};

auth.getAuthenticationToken = function (callback) {
  var xhttp = new XMLHttpRequest();
  xhttp.onload = function () {
    callback(xhttp.status === 200 ? xhttp.responseText : null);
  };
  xhttp.onerror = function () {
    callback(null);
  };
  xhttp.open("GET", "/token");
  xhttp.send();
};

window.addEventListener("lcw:error", function (event) {
  heard.push({ name: "error", detail: event.detail });
});

window.addEventListener("lcw:chatQueued", function () {
  heard.push({ name: "chatQueued", detail: null });
});

window.addEventListener("lcw:ready", function handleLivechatReadyEvent() {
  document.getElementById("chat").addEventListener("click", function () {
    Microsoft.Omnichannel.LiveChatWidget.SDK.startChat({
      customContext: { page: { value: "/checkout", isDisplayable: true }, msdyn_cartvalue: 129.5 },
    });
  });
});
