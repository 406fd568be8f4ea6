import { defineConfig } from "vite";
import { compressed } from "../shared/build/compressed.js";
import { firstLoad } from "../shared/build/first_load.js";

const server = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [firstLoad(), compressed()],
  resolve: { conditions: ["blazing-sun-source", "module", "browser", "development|production"] },
  build: {
    target: "es2022",
    // The first versions with light-dark(), which is to stay as it is.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": server, "/ws": { target: server, ws: true } } },
});
