import { defineConfig } from "vite";
import { compressed } from "../shared/build/compressed.js";
import { firstLoad } from "../shared/build/first_load.js";

/** Of HTML, script and style together, gzipped. */
const BYTES_MAX = 80 * 1024;

export default defineConfig({
  base: "/kafka/",
  // The icon, and the script that sets the theme before the first paint.
  publicDir: "../play/public",
  plugins: [firstLoad(BYTES_MAX), compressed()],
  resolve: { conditions: ["blazing-sun-source", "module", "browser", "development|production"] },
  build: {
    target: "es2022",
    // The first versions with light-dark(), which is to stay as it is.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
