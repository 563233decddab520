// The link of a mail carries its code behind the #, which no server, log or referrer ever sees.
(() => {
  const field = document.getElementById("code");
  const code = location.hash.slice(1);
  if (!field || !code) return;
  field.value = code;
  history.replaceState(null, "", location.pathname);
  document.getElementById("password").focus();
})();
