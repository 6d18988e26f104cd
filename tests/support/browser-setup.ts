/** Component tests look like the app: its style sheet is loaded once. */
import '../../src/app.css';
