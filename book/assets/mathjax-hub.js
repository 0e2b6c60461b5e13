// The widgets of html-manager ask the queue of MathJax 2 to set their formulas; MathJax 3 has no such queue, and without one they
// fail. This gives whatever becomes window.MathJax a queue that passes the job on.
(function () {
  let current = window.MathJax; // the page has set options by now
  const queue = (...jobs) =>
    jobs.forEach((job) => {
      if (job[0] === "Typeset" && current.typesetPromise) current.typesetPromise([job[2]]);
    });
  Object.defineProperty(window, "MathJax", {
    configurable: true,
    get: () => current,
    set: (value) => {
      current = value;
      if (value && value.version && !value.Hub) Object.defineProperty(value, "Hub", { value: { Queue: queue } });
    },
  });
})();
