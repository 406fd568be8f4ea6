import "./styles.css";
import "./elements/app.js";
