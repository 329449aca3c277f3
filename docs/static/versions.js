// The other released versions, from the list beside them.
document.addEventListener("DOMContentLoaded", async () => {
  const place = document.getElementById("versions");
  const list = new URL("../versions.json", new URL(document.documentElement.dataset.content_root, location));
  const answer = await fetch(list);
  if (!place || !answer.ok) return;
  const versions = await answer.json();
  const links = versions.map((version) => {
    const link = document.createElement("a");
    link.href = new URL(`../${version}/index.html`, new URL(document.documentElement.dataset.content_root, location));
    link.textContent = version;
    return link;
  });
  place.append("Versions: ", ...links.flatMap((link, index) => (index ? [", ", link] : [link])));
});
