import './styles/index.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { applyTheme } from './app/theme';

applyTheme();
mount(App, { target: document.getElementById('app')! });
