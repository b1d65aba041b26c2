// What eslint holds the dashboard and its tests against. Types, names that do not exist among them, are tsc's to check
// (whale_platform/dashboard/jsconfig.json). Both are run by whale_platform_tests/dashboard/test_static.py.

import js from "./.whale/tools/web/node_modules/@eslint/js/src/index.js";

const PANELS = ["flow", "markets", "pressure", "price", "quote", "status", "tape", "thresholds", "whale"];
const OWN_STATE = "a panel's state belongs to the panel, or there can't be two of a kind";
const AS_TEXT = "text goes in as text, never as markup: see lib/dom.js";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "default-case-last": "error",
      eqeqeq: "error",
      "max-len": ["error", { code: 120, ignoreStrings: false }],
      "max-lines": ["error", 250],
      "max-lines-per-function": ["error", 70],
      "no-else-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property, message: AS_TEXT })),
        { object: "document", property: "write", message: AS_TEXT },
      ],
      "no-shadow": "error",
      "no-undef": "off",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: PANELS.map((folder) => `whale_platform/dashboard/${folder}/*.js`),
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: 'Program > VariableDeclaration[kind="let"]', message: OWN_STATE },
        { selector: "Program > VariableDeclaration > VariableDeclarator > NewExpression", message: OWN_STATE },
      ],
    },
  },
  { files: ["whale_platform_tests/**"], rules: { "max-lines-per-function": "off" } },
];
